// Two languages: a page has its texts beside it, in both, and the compiler finds what is missing.
import { remembered, useStore } from '@/data/store';

export const LANGUAGES = ['en', 'ja'] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language of ours that a reader likes best, of those that the browser names in their order. */
export function preferredOf(tags: readonly string[]): Language {
  const found = tags.map((tag) => LANGUAGES.find((known) => isOf(tag, known))).find(Boolean);
  return found ?? 'en';
}

/** The reader's own kind of a language, such as `en-GB`, by which times and numbers are written. */
export function localeOf(chosen: Language, tags: readonly string[]): string {
  return tags.find((tag) => isOf(tag, chosen)) ?? chosen;
}

function isOf(tag: string, known: Language): boolean {
  return tag.toLowerCase().split('-')[0] === known;
}

export const language = remembered<Language>('language', LANGUAGES, preferredOf(navigator.languages));

language.subscribe(apply);
apply();

function apply(): void {
  document.documentElement.lang = language.get();
}

/** The texts of a part of the page: an entry is a text, or a function that makes one. */
export type Texts<English> = { en: English; ja: { [Name in keyof English]: Widened<English[Name]> } };
type Widened<Entry> = Entry extends string
  ? string
  : Entry extends (...given: infer Given) => unknown
    ? (...given: Given) => string
    : { [Name in keyof Entry]: Widened<Entry[Name]> };

/** Declare the texts; the Japanese ones have to have the same names and parameters. */
export function texts<const English extends object>(both: Texts<English>): Texts<English> {
  return both;
}

export function useTexts<English>(both: Texts<English>): Texts<English>['ja'] {
  return both[useStore(language)] as Texts<English>['ja'];
}

export function useLanguage(): Language {
  return useStore(language);
}
