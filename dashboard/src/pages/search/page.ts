import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';
import { soughtIn } from '@/data/wordsSought';

export const KINDS = ['logs', 'tasks', 'instructions', 'messages', 'calls'] as const;
export type Kind = (typeof KINDS)[number];
export type SearchSearch = { q?: string; kind?: Kind };

export const route = createRoute({
  getParentRoute: () => root,
  path: '/search',
  validateSearch: (search: Record<string, unknown>): SearchSearch => {
    const kind = KINDS.find((name) => name === search.kind);
    const q = soughtIn(search.q);
    return { ...(q !== '' && { q }), ...(kind && { kind }) };
  },
  component: pageFile(() => import('./SearchPage'), 'SearchPage'),
});

export const entry: NavigationEntry = { to: '/search', label: { en: 'Search', ja: '検索' }, keys: 'g s' };
