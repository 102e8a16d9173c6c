// A page whose code is a file of its own, loaded when it is opened. Where that fails the server is away, or another
// release has other files: the address is loaded anew as soon as the server answers, and until then one is told.
import type { RouteComponent } from '@tanstack/react-router';
import { type ComponentType, use, useEffect, useState } from 'react';
import { whenBack } from '@/data/connection';
import { Failed, NOTHING_TOLD } from '@/ui/states';

const AGAIN_AFTER = 30_000; // milliseconds between two loads of the same address by itself

/** The component `name` of a file. */
export function pageFile<Name extends string>(
  load: () => Promise<Record<Name, ComponentType>>,
  name: Name,
): RouteComponent {
  let Loaded: ComponentType | undefined;
  let loading: Promise<void> | undefined;
  const preload = () => {
    loading ??= load().then(
      (file) => {
        Loaded = file[name];
      },
      () => {
        Loaded = Unloaded;
      },
    );
    return loading;
  };
  // biome-ignore lint/correctness/noComponentHookFactories: a route has one for as long as the page is open
  const Page = () => {
    if (Loaded === undefined) use(preload());
    return Loaded && <Loaded />;
  };
  Page.preload = preload;
  return Page;
}

/** What stands for a page whose file did not come. The browser does not ask for such a file twice. */
function Unloaded() {
  const [failed, fail] = useState(false);
  useEffect(() => {
    let current = true;
    const loadAnew = async () => {
      for (let attempt = 1; current && !(await isReached()); attempt += 1) await whenBack(attempt, null);
      if (!current) return;
      if (mayLoadAnew()) location.reload();
      else fail(true);
    };
    void loadAnew();
    return () => {
      current = false;
    };
  }, []);
  return failed ? (
    <Failed page trouble={{ ...NOTHING_TOLD, kind: 'server' }} again={() => location.reload()} />
  ) : (
    <Failed page trouble={{ ...NOTHING_TOLD, kind: 'offline' }} />
  );
}

async function isReached(): Promise<boolean> {
  const asked = fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  return asked.then(({ ok }) => ok).catch(() => false);
}

/** Whether this address was not loaded anew just now: files that are missing for good are told of. */
function mayLoadAnew(): boolean {
  const key = `ccgraph.loaded ${location.pathname}`;
  const now = Date.now();
  try {
    const before = Number(sessionStorage.getItem(key));
    sessionStorage.setItem(key, String(now));
    return now - before > AGAIN_AFTER;
  } catch {
    return false; // a browser that keeps nothing
  }
}
