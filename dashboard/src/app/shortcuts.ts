// The keyboard: each part of the page says which keys it takes while it is shown, and what for.
import { useEffect, useRef } from 'react';
import { Store } from '@/data/store';
import { isTyping } from '@/ui/typing';

export type Shortcut = {
  /** As `KeyboardEvent.key` has it, such as `j`, `Enter` or `/`; two with a blank between are typed in turn: `g h`. */
  keys: string;
  /** What it does, for the list of keys. */
  label: string;
  run: () => void;
  /** Also while a text is being typed, as for Escape. */
  whileTyping?: boolean;
};

const BETWEEN = 1_200; // milliseconds within which the second of two keys comes

/** All that are taken at the moment; those of the part that was shown last come first. */
export const shortcuts = new Store<readonly (readonly Shortcut[])[]>([]);

let first: { key: string; at: number } | null = null;

window.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const sequence = first && event.timeStamp - first.at < BETWEEN ? `${first.key} ${event.key}` : null;
  const all = shortcuts.get().flat();
  const usable = isTyping(event.target) ? all.filter((shortcut) => shortcut.whileTyping) : all;
  const found = usable.find(({ keys }) => keys === sequence) ?? usable.find(({ keys }) => keys === event.key);
  first = usable.some(({ keys }) => keys.startsWith(`${event.key} `))
    ? { key: event.key, at: event.timeStamp }
    : null;
  if (found === undefined || (event.key === 'Enter' && isControl(event.target))) return;
  event.preventDefault();
  found.run();
});

/** Take these keys while the component is shown. */
export function useShortcuts(taken: readonly Shortcut[]): void {
  const latest = useRef(taken);
  latest.current = taken;
  const names = taken.map(({ keys, label }) => `${keys} ${label}`).join('\n');
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new list of names is a new registration
  useEffect(() => {
    const mine = latest.current.map((shortcut, index) => ({
      ...shortcut,
      run: () => latest.current[index]?.run(),
    }));
    shortcuts.set([mine, ...shortcuts.get()]);
    return () => shortcuts.set(shortcuts.get().filter((others) => others !== mine));
  }, [names]);
}

// The browser itself knows what Enter does on a link or a button.
function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('a, button, summary') !== null;
}
