// A button that opens what belongs to it, and closes it again by Escape, or when one is done elsewhere.
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import styles from './Menu.module.css';

type Props = {
  /** What the button says to those who hear it; what is seen of it is in that. */
  label: string;
  shown: ReactNode;
  side: 'left' | 'right';
  /** It closes when one of its links is followed. */
  children: ReactNode;
};

export function Menu({ label, shown, side, children }: Props) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event) => {
      const element = details.current;
      if (element && !element.contains(event.target as Node)) element.open = false;
    };
    document.addEventListener('pointerdown', close);
    document.addEventListener('focusin', close);
    return () => {
      document.removeEventListener('pointerdown', close);
      document.removeEventListener('focusin', close);
    };
  }, []);
  const leave = (event: KeyboardEvent) => {
    const element = details.current;
    if (event.key !== 'Escape' || !element?.open) return;
    event.stopPropagation();
    element.open = false;
    element.querySelector('summary')?.focus();
  };
  const follow = (target: EventTarget) => {
    if (details.current && target instanceof Element && target.closest('a')) details.current.open = false;
  };
  return (
    <details
      className={styles.menu}
      ref={details}
      onKeyDown={leave}
      onClick={(event) => follow(event.target)}
    >
      <summary aria-label={label}>{shown}</summary>
      <div className={styles.opened} data-side={side}>
        {children}
      </div>
    </details>
  );
}
