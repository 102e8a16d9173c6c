// When a page finds that time has passed without it: one looks at it again, the machine has slept, the network came
// or went. What was true before may not be any more, and no event of a socket has told of it.

const TICK = 2_000;
const LEAP = 10_000; // milliseconds by which a tick is late where the machine has slept, or the page was frozen

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of [...listeners]) listener();
}

let last = Date.now();
setInterval(() => {
  const now = Date.now();
  const leapt = now - last > TICK + LEAP;
  last = now;
  if (leapt) tell();
}, TICK);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') tell();
});
document.addEventListener('resume', tell);
window.addEventListener('online', tell);
window.addEventListener('offline', tell);

/** Called at each such moment; gives what ends that. */
export function onWaking(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
