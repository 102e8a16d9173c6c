import { createRoute } from '@tanstack/react-router';
import { pageFile } from '@/app/pageFile';
import { type NavigationEntry, root } from '@/app/root';

export const VIEWS = ['time', 'model', 'project', 'person', 'tool', 'errors'] as const;
export type View = (typeof VIEWS)[number];
export const PERIODS = [1, 7, 30, 90] as const; // days
export type Period = (typeof PERIODS)[number];
export type UsageSearch = { view?: View; days?: Period };

export const route = createRoute({
  getParentRoute: () => root,
  path: '/usage',
  validateSearch: (search: Record<string, unknown>): UsageSearch => {
    const view = VIEWS.find((name) => name === search.view);
    const days = PERIODS.find((count) => count === search.days);
    return { ...(view && { view }), ...(days && { days }) };
  },
  component: pageFile(() => import('./UsagePage'), 'UsagePage'),
});

export const entry: NavigationEntry = { to: '/usage', label: { en: 'Usage', ja: '使用量' }, keys: 'g u' };
