import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { type NavigationEntry, root } from '@/app/root';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/graphql',
  component: lazyRouteComponent(() => import('./GraphiqlPage'), 'GraphiqlPage'),
});

export const entry: NavigationEntry = {
  to: '/graphql',
  label: { en: 'GraphiQL', ja: 'GraphiQL' },
  keys: 'g q',
  reload: true,
};
