// What a tab of the browser is called: of several one tells which is which.
import { useEffect } from 'react';
import { Store } from '@/data/store';

/** The name of what the page shows; null where the page has no other name than its own. */
export const shownName = new Store<string | null>(null);

/** Call the tab by what the page shows, as long as it is shown. */
export function useTitle(name: string | undefined): void {
  useEffect(() => {
    if (name === undefined) return;
    shownName.set(name);
    return () => shownName.set(null);
  }, [name]);
}

/** The title of the tab: how many wait, and what is shown. */
export function titleOf(waiting: number, shown: string): string {
  const name = shown === '' ? 'ccgraph' : `${shown} · ccgraph`;
  return waiting > 0 ? `(${waiting}) ${name}` : name;
}
