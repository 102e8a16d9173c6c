import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';

/** `task` is the one that is chosen at first. */
export type BoardSearch = { project?: string; task?: string };

export const route = createRoute({
  getParentRoute: () => root,
  path: '/board',
  validateSearch: ({ project, task }: Record<string, unknown>): BoardSearch => ({
    ...(typeof project === 'string' && project !== '' && { project }),
    ...(typeof task === 'string' && task !== '' && { task }),
  }),
  component: pageFile(() => import('./BoardPage'), 'BoardPage'),
});

export const graph = createRoute({
  getParentRoute: () => root,
  path: '/board/$project/graph',
  validateSearch: ({ all }: Record<string, unknown>): { all?: true } => (all === true ? { all } : {}),
  component: pageFile(() => import('./GraphPage'), 'GraphPage'),
});

export const entry: NavigationEntry = { to: '/board', label: { en: 'Board', ja: 'ボード' }, keys: 'g b' };
