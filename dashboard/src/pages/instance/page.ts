import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { root } from '@/app/root';

export const TABS = ['conversation', 'timeline', 'files', 'mcp', 'logs', 'replay'] as const;
export type Tab = (typeof TABS)[number];

export const route = createRoute({
  getParentRoute: () => root,
  path: '/instances/$id',
  validateSearch: (search: Record<string, unknown>): { tab?: Tab } => {
    const tab = TABS.find((name) => name === search.tab);
    return tab ? { tab } : {};
  },
  component: pageFile(() => import('./InstancePage'), 'InstancePage'),
});
