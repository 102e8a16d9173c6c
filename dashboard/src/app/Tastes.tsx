// Language and theme: what the reader likes, kept in this browser.
import { LANGUAGES, type Language, language, texts, useLanguage, useTexts } from '@/i18n/language';
import { THEMES, type Theme, theme, useTheme } from '@/ui/theme';
import styles from './Tastes.module.css';

const TEXTS = texts({
  en: { language: 'Language', theme: 'Theme', system: 'System', light: 'Light', dark: 'Dark' },
  ja: { language: '言語', theme: 'テーマ', system: 'システム', light: 'ライト', dark: 'ダーク' },
});

const NAMES: Record<Language, string> = { en: 'English', ja: '日本語' };

export function Tastes() {
  const t = useTexts(TEXTS);
  return (
    <div className={styles.tastes}>
      <select
        aria-label={t.language}
        value={useLanguage()}
        onChange={(event) => language.set(event.target.value as Language)}
      >
        {LANGUAGES.map((tag) => (
          <option key={tag} value={tag} lang={tag}>
            {NAMES[tag]}
          </option>
        ))}
      </select>
      <select
        aria-label={t.theme}
        value={useTheme()}
        onChange={(event) => theme.set(event.target.value as Theme)}
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {t[name]}
          </option>
        ))}
      </select>
    </div>
  );
}
