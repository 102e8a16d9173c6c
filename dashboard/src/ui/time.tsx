// Times that go on while the page is open: one clock for all of them.

import { Store, useStore } from '@/data/store';
import { useFormats } from '@/i18n/format';

const clock = new Store(Date.now());
setInterval(() => {
  if (document.visibilityState === 'visible') clock.set(Date.now());
}, 1_000);
document.addEventListener('visibilitychange', () => clock.set(Date.now()));

/** Now, in milliseconds, told anew every second. */
export function useNow(): number {
  return useStore(clock);
}

/** How long ago something was; the moment itself on hovering. */
export function Since({ at }: { at: string }) {
  const formats = useFormats();
  const now = useNow();
  return (
    <time dateTime={at} title={formats.dateTime(at)}>
      {formats.since(now - Date.parse(at))}
    </time>
  );
}

/** A moment as the reader's clock shows it. */
export function Moment({ at, only = 'both' }: { at: string; only?: 'time' | 'day' | 'both' }) {
  const formats = useFormats();
  const shown = only === 'time' ? formats.time(at) : only === 'day' ? formats.day(at) : formats.dateTime(at);
  return (
    <time dateTime={at} title={formats.dateTime(at)}>
      {shown}
    </time>
  );
}

/** The last midnight of the reader's, in milliseconds; told anew when a day begins. */
export function useToday(): number {
  return midnightBefore(useNow());
}

/** The last midnight of the reader's before a moment, both in milliseconds. */
export function midnightBefore(moment: number): number {
  return new Date(moment).setHours(0, 0, 0, 0);
}
