import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';

export const route = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: pageFile(() => import('./SettingsPage'), 'SettingsPage'),
});

export const entry: NavigationEntry = { to: '/settings', label: { en: 'Settings', ja: '設定' }, keys: 'g ,' };
