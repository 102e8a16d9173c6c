// Whether the page is as narrow as a phone; the same width as in the style sheets.
import { Store, useStore } from '@/data/store';

const phone = window.matchMedia('(max-width: 40rem)');
const narrow = new Store(phone.matches);
phone.addEventListener('change', () => narrow.set(phone.matches));

export function useNarrow(): boolean {
  return useStore(narrow);
}
