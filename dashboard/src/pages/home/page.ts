import { createRoute } from '@tanstack/react-router';
import { type NavigationEntry, root } from '@/app/root';
import { followAhead } from '@/data/follow';
import { soughtIn } from '@/data/wordsSought';
import { midnightBefore } from '@/ui/time';
import { HomePage } from './HomePage';
import { HomeDocument } from './home.generated';
import { variablesOf } from './rows';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (search: Record<string, unknown>): { q?: string } => {
    const q = soughtIn(search.q);
    return q === '' ? {} : { q };
  },
  component: HomePage, // with the shell: most visits begin here, and another file would come after it
});

export const entry: NavigationEntry = { to: '/', label: { en: 'Fleet', ja: 'フリート' }, keys: 'g h' };

/** What the page shows is asked for before it is drawn; for a visit that begins here. */
export function followFirst(): void {
  followAhead(HomeDocument, variablesOf(midnightBefore(Date.now())));
}
