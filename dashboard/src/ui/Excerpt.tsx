// A text of any length in a few lines: what is longer is scrolled, also by the keyboard.
import type { ReactNode } from 'react';
import styles from './Excerpt.module.css';

export function Excerpt({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.excerpt} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
