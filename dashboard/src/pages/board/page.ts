import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { type NavigationEntry, root } from '@/app/root';

export type BoardSearch = { project?: string };

export const route = createRoute({
  getParentRoute: () => root,
  path: '/board',
  validateSearch: ({ project }: Record<string, unknown>): BoardSearch =>
    typeof project === 'string' && project !== '' ? { project } : {},
  component: lazyRouteComponent(() => import('./BoardPage'), 'BoardPage'),
});

export const graph = createRoute({
  getParentRoute: () => root,
  path: '/board/$project/graph',
  validateSearch: ({ all }: Record<string, unknown>): { all?: true } => (all === true ? { all } : {}),
  component: lazyRouteComponent(() => import('./GraphPage'), 'GraphPage'),
});

export const entry: NavigationEntry = { to: '/board', label: { en: 'Board', ja: 'ボード' }, keys: 'g b' };
