// Light, dark, or what the system has.
import { remembered, Store, useStore } from '@/data/store';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export const theme = remembered<Theme>('theme', THEMES, 'system');

theme.subscribe(apply);
apply();

function apply(): void {
  const chosen = theme.get();
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function useTheme(): Theme {
  return useStore(theme);
}

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const ofSystem = new Store(dark.matches);
dark.addEventListener('change', () => ofSystem.set(dark.matches));

/** The theme that is shown: the system's where none is chosen. */
export function useShownTheme(): 'light' | 'dark' {
  const system = useStore(ofSystem) ? 'dark' : 'light';
  const chosen = useTheme();
  return chosen === 'system' ? system : chosen;
}
