import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { type NavigationEntry, root } from '@/app/root';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === 'string' && search.q !== '' ? { q: search.q } : {},
  component: lazyRouteComponent(() => import('./HomePage'), 'HomePage'),
});

export const entry: NavigationEntry = { to: '/', label: { en: 'Fleet', ja: 'フリート' }, keys: 'g h' };
