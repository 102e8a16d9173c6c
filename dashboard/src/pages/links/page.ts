// Where the links of notifications lead that have no page of their own (docs/notifications.md).
import { createRoute, redirect } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { root } from '@/app/root';

export const task = createRoute({
  getParentRoute: () => root,
  path: '/tasks/$id',
  component: pageFile(() => import('./LinkPages'), 'TaskLink'),
});

export const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$id',
  component: pageFile(() => import('./LinkPages'), 'SessionLink'),
});

export const notification = createRoute({
  getParentRoute: () => root,
  path: '/notifications/$id',
  component: pageFile(() => import('./LinkPages'), 'NotificationLink'),
});

/** Where a test of a setting leads. */
export const notifications = createRoute({
  getParentRoute: () => root,
  path: '/notifications',
  beforeLoad: () => {
    throw redirect({ to: '/settings', replace: true });
  },
});
