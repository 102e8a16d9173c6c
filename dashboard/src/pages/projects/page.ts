import { createRoute, redirect } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/projects',
  component: pageFile(() => import('./ProjectsPage'), 'ProjectsPage'),
});

export const one = createRoute({
  getParentRoute: () => root,
  path: '/projects/$project',
  component: pageFile(() => import('./ProjectPage'), 'ProjectPage'),
});

/** Where a notification of an invitation leads. */
export const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitations/$id',
  beforeLoad: () => {
    throw redirect({ to: '/projects', replace: true });
  },
});

export const entry: NavigationEntry = {
  to: '/projects',
  label: { en: 'Projects', ja: 'プロジェクト' },
  keys: 'g p',
};
