import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/graphql',
  component: pageFile(() => import('./GraphiqlPage'), 'GraphiqlPage'),
});

export const entry: NavigationEntry = {
  to: '/graphql',
  label: { en: 'GraphiQL', ja: 'GraphiQL' },
  keys: 'g q',
  reload: true,
};
