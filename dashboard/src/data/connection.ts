// The one WebSocket of the tab: how it stands, and what the reader is told when it was lost.
import { createClient } from 'graphql-ws';
import { session } from './session';
import { Store, useStore } from './store';

const PING_EVERY = 10_000;
const PONG_WITHIN = 5_000;
const LONGEST_WAIT = 5_000;
const REFUSED = [4401, 4403];

export type ConnectionState =
  | { status: 'idle' }
  | { status: 'connecting' }
  | {
      status: 'live' /** Milliseconds for which it was away before; null the first time. */;
      away: number | null;
    }
  | { status: 'lost'; since: number };

export const connection = new Store<ConnectionState>({ status: 'idle' });

export function useConnection(): ConnectionState {
  return useStore(connection);
}

let token = '';
let socket: WebSocket | null = null;
let silence: ReturnType<typeof setTimeout> | undefined;
let renewing = false;

export const stream = createClient({
  url: () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
  connectionParams: async () => {
    token = await session.token();
    return { authorization: `Bearer ${token}` };
  },
  lazyCloseTimeout: 5_000,
  keepAlive: PING_EVERY,
  connectionAckWaitTimeout: 10_000,
  retryAttempts: Number.POSITIVE_INFINITY,
  shouldRetry: () => true,
  retryWait: (retries) => wait(Math.min(LONGEST_WAIT, 250 * 2 ** retries)),
  on: {
    connecting: () => {
      if (connection.get().status === 'idle') connection.set({ status: 'connecting' });
    },
    opened: (opened) => {
      socket = opened as WebSocket;
    },
    connected: () => {
      const before = connection.get();
      connection.set({ status: 'live', away: before.status === 'lost' ? Date.now() - before.since : null });
    },
    ping: (received) => {
      // A network that swallows everything closes nothing: a pong that does not come is the only sign.
      if (!received) silence = setTimeout(() => stream.terminate(), PONG_WITHIN);
    },
    pong: (received) => {
      if (received) clearTimeout(silence);
    },
    closed: (event) => {
      clearTimeout(silence);
      socket = null;
      const { code } = event as { code: number };
      if (REFUSED.includes(code)) session.refused(token);
      if (renewing) renewing = false;
      else if (code === 1000) connection.set({ status: 'idle' });
      else if (connection.get().status !== 'lost') connection.set({ status: 'lost', since: Date.now() });
    },
  },
});

// The server ends a connection with its token, so it is opened anew with the next one, without a trace on the page.
session.onRenewed(() => {
  if (socket === null) return;
  renewing = true;
  stream.terminate();
});

/** Wait, but no longer than until the network is back or a person looks at the page. */
export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener('online', end);
      document.removeEventListener('visibilitychange', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds * (0.75 + Math.random() / 2));
    window.addEventListener('online', end);
    document.addEventListener('visibilitychange', end);
  });
}
