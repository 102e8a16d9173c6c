// Who is logged in. The access token is in memory only; the refresh token is in a cookie that no script reads.
import { Store, useStore } from './store';
import { RequestFailed, troubleOf, unlessUnheard } from './trouble';
import { onWaking } from './waking';

const SPARE = 60_000; // milliseconds before its end at which a token is renewed
const PART = 1 / 4; // of its life, where that is less: a server may give tokens that live for a minute
const CHANNEL = 'ccgraph-session';
const RETRY = 3_000;
const ANSWER_WITHIN = 15_000; // milliseconds; until then all tabs wait for the one that asks

export type User = { id: number; username: string; isAdmin: boolean };
/** Times in milliseconds; `spare` is how long before its end the token is renewed. */
export type Login = { accessToken: string; until: number; spare: number; user: User; graphiql: boolean };
export type SessionState =
  | { status: 'starting' }
  | { status: 'unreachable' }
  | { status: 'out'; ended: boolean }
  | { status: 'in'; login: Login };

type Answer = { accessToken: string | null; expiresIn: number | null; user: User | null; graphiql: boolean };
type Message = { login: Login | null };

/** Thrown where a token is wanted and no person is logged in. */
export class LoggedOut extends Error {}

export class Session extends Store<SessionState> {
  #renewing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #others = new BroadcastChannel(CHANNEL);

  constructor() {
    super({ status: 'starting' });
    this.#others.onmessage = ({ data }: MessageEvent<Message>) => this.#adopt(data.login);
    onWaking(() => this.#renewWhenDue()); // a laptop that slept has missed its timers
  }

  /** Take up the login that the browser still has. */
  start(): void {
    void this.#renew().catch(() => this.#tryAgain());
  }

  /** Log in; throws what the server says against it. */
  async logIn(username: string, password: string): Promise<void> {
    this.#accept(await post('/session', { username, password }));
  }

  /** Log out here, or everywhere. Throws `RequestFailed`; of kind `unheard` when the server cannot be reached. */
  async logOut(everywhere = false): Promise<void> {
    await unlessUnheard(() => post('/session/end', { everywhere }));
    this.#leave(false);
  }

  /** An access token that is good for a while. Throws `LoggedOut`, or that the server cannot be reached. */
  async token(): Promise<string> {
    if (this.#isDue()) await this.#renew();
    const state = this.get();
    if (state.status !== 'in') throw new LoggedOut();
    return state.login.accessToken;
  }

  /** The server refuses this token: the next one who asks gets another, or the person is logged out. */
  refused(token: string): void {
    const state = this.get();
    if (state.status === 'in' && state.login.accessToken === token) {
      this.set({ ...state, login: { ...state.login, until: 0 } });
    }
  }

  /** Called with every new token; gives what ends that. */
  onRenewed(listener: () => void): () => void {
    let last = accessTokenOf(this.get());
    return this.subscribe(() => {
      const now = accessTokenOf(this.get());
      if (now !== null && last !== null && now !== last) listener();
      last = now;
    });
  }

  /** `part` is of the spare time. */
  #isDue(part = 1 / 2): boolean {
    const state = this.get();
    if (state.status !== 'in') return state.status === 'starting';
    return state.login.until - Date.now() < state.login.spare * part;
  }

  #renewWhenDue(): void {
    if (this.get().status === 'unreachable' || this.#isDue(1)) this.start();
  }

  /** One exchange at a time, in this tab and in all: each takes the cookie that the last one has set. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#exchange().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #exchange(): Promise<void> {
    const before = accessTokenOf(this.get());
    const exchange = async () => {
      const now = accessTokenOf(this.get());
      if (now !== before && !this.#isDue()) return; // another tab has just done it
      this.#accept(await post('/session/renew', {}));
    };
    // Browsers have locks for pages over TLS and of this machine; the server bears two exchanges at once, too.
    if (navigator.locks) await navigator.locks.request(CHANNEL, exchange);
    else await exchange();
  }

  #tryAgain(): void {
    if (this.get().status === 'starting') this.set({ status: 'unreachable' });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), RETRY);
  }

  #accept({ accessToken, expiresIn, user, graphiql }: Answer): void {
    if (accessToken === null || expiresIn === null || user === null) {
      this.#leave(this.get().status === 'in');
      return;
    }
    const life = expiresIn * 1_000;
    const spare = Math.min(SPARE, life * PART);
    const login = { accessToken, until: Date.now() + life, spare, user, graphiql };
    this.#enter(login);
    this.#others.postMessage({ login } satisfies Message);
  }

  #leave(ended: boolean): void {
    clearTimeout(this.#timer);
    if (this.get().status === 'in') this.#others.postMessage({ login: null } satisfies Message);
    this.set({ status: 'out', ended });
  }

  #adopt(login: Login | null): void {
    if (login !== null) this.#enter(login);
    else if (this.get().status === 'in') this.set({ status: 'out', ended: false });
  }

  #enter(login: Login): void {
    this.set({ status: 'in', login });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), Math.max(1_000, login.until - Date.now() - login.spare));
  }
}

function accessTokenOf(state: SessionState): string | null {
  return state.status === 'in' ? state.login.accessToken : null;
}

async function post(path: string, body: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const signal = AbortSignal.timeout(ANSWER_WITHIN);
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as Answer;
  throw new RequestFailed(troubleOf(answer?.errors ?? [], response));
}

export const session = new Session();

export function useSession(): SessionState {
  return useStore(session);
}

/** The person who is logged in; for pages, which are shown only after a login. */
export function useUser(): User {
  const state = useSession();
  if (state.status !== 'in') throw new LoggedOut();
  return state.login.user;
}
