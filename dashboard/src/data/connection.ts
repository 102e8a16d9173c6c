// The one WebSocket of the tab: how it stands, and what the reader is told when it was lost.
import { createClient } from 'graphql-ws';
import { session } from './session';
import { Store, useStore } from './store';
import { onWaking } from './waking';

const PING_EVERY = 10_000;
const PONG_WITHIN = 5_000;
const PROBE_WITHIN = 3_000; // the same for a pong after waking: one looks at the page, and what it shows may be old
const OPEN_WITHIN = 8_000; // a network that swallows what is sent would let a socket open for minutes
const UNHEARD = 90_000; // from which on a connection was away, and not only renewed; hidden tabs ping every minute
const AFTER_SLEEP = 10_000; // milliseconds in which the end of a connection is due to the silence before
const LONGEST_WAIT = 5_000;
const REFUSED = [4401, 4403];
const TERMINATED = 4499; // by this page, because no pong came

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
let opening: WebSocket | null = null;
let heard = Date.now(); // when the server was last heard of
let slept: { from: number; at: number } | null = null; // the last long silence, and when it ended
let silence: ReturnType<typeof setTimeout> | undefined;
let renewing = false;

export const stream = createClient({
  webSocketImpl: class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      opening = this;
      setTimeout(() => giveUp(this), OPEN_WITHIN);
    }
  },
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
      if (connection.get().status !== 'idle') return;
      heard = Date.now();
      connection.set({ status: 'connecting' });
    },
    opened: (opened) => {
      socket = opened as WebSocket;
      opening = null;
    },
    connected: () => {
      const before = connection.get();
      connection.set({ status: 'live', away: before.status === 'lost' ? Date.now() - before.since : null });
    },
    ping: (received) => {
      // A network that swallows everything closes nothing: a pong that does not come is the only sign.
      if (!received) expectPong(PONG_WITHIN);
    },
    message: () => {
      // After a sleep what lay in the buffers comes first, and then the news that the connection is gone.
      if (Date.now() - heard > UNHEARD) slept = { from: heard, at: Date.now() };
      heard = Date.now();
    },
    pong: (received) => {
      if (received) clearTimeout(silence);
    },
    closed: (event) => {
      clearTimeout(silence);
      socket = null;
      const { code } = event as { code: number };
      if (REFUSED.includes(code)) session.refused(token);
      const from = slept !== null && Date.now() - slept.at < AFTER_SLEEP ? slept.from : heard;
      const asleep = Date.now() - from > UNHEARD;
      const meant = renewing && !asleep;
      slept = null;
      renewing = false;
      if (meant) return;
      if (code === 1000) connection.set({ status: 'idle' });
      else if (connection.get().status !== 'lost') {
        connection.set({ status: 'lost', since: asleep || code === TERMINATED ? from : Date.now() });
      }
    },
  },
});

// The server ends a connection with its token, so it is opened anew with the next one, without a trace on the page.
session.onRenewed(() => {
  if (socket === null) return;
  renewing = true;
  stream.terminate();
});

function expectPong(within: number): void {
  clearTimeout(silence);
  silence = setTimeout(() => stream.terminate(), within);
}

function giveUp(tried: WebSocket | null): void {
  if (tried?.readyState === WebSocket.CONNECTING) tried.close();
}

// A socket whose other end is gone looks open until something is sent.
onWaking(() => {
  if (connection.get().status !== 'live' || socket?.readyState !== WebSocket.OPEN) return;
  socket.send('{"type":"ping"}');
  expectPong(PROBE_WITHIN);
});
window.addEventListener('online', () => giveUp(opening)); // begun in the network that was, or in none

/** Wait until the server can be asked again, for the next `attempt` of what could not reach it. */
export async function whenBack(attempt: number, retryAfter: number | null): Promise<void> {
  if (connection.get().status === 'lost') {
    await new Promise<void>((resolve) => {
      const unlisten = connection.subscribe(() => {
        if (connection.get().status === 'lost') return;
        unlisten();
        resolve();
      });
    });
  } else await wait(Math.max(Math.min(LONGEST_WAIT, 500 * 2 ** attempt), (retryAfter ?? 0) * 1_000));
}

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
