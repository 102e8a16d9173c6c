// Two languages: a page has its texts beside it, in both, and the compiler finds what is missing.
import { remembered, useStore } from '@/data/store';

export const LANGUAGES = ['en', 'ja'] as const;
export type Language = (typeof LANGUAGES)[number];

const preferred = navigator.languages.some((tag) => tag.startsWith('ja')) ? 'ja' : 'en';
export const language = remembered<Language>('language', LANGUAGES, preferred);

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
