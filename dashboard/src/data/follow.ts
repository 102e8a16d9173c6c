// Subscriptions as pages use them: live queries, and streams of events that resume where they were.
import { stringifyDocument, type TypedDocumentNode } from '@urql/core';
import { useEffect, useRef, useState } from 'react';
import { stream, wait } from './connection';
import { LoggedOut, session } from './session';
import { type ApiError, RequestFailed, type Trouble, troubleOf } from './trouble';

type Variables = Record<string, unknown>;

type Sink<Data> = {
  next: (data: Data) => void;
  /** It has ended and does not begin again by itself. */
  failed: (trouble: Trouble) => void;
  /** The cursor to resume at; null for results that need none. */
  cursorOf?: (data: Data) => string | null;
  /** The server does not know what came since the last event: read anew what is shown. */
  gap?: () => void;
};

const START_ANEW = new Set(['CURSOR_EXPIRED', 'CURSOR_INVALID']);
const COME_BACK = new Set(['SERVICE_UNAVAILABLE', 'SLOW_CONSUMER', 'RATE_LIMITED']);
const PAUSE = 2_000;

/** Follow a subscription until the function that this gives is called. Lost connections are taken up again. */
export function follow<Data>(
  document: TypedDocumentNode<Data, never>,
  variables: Variables,
  sink: Sink<Data>,
): () => void {
  // The client sends this object anew whenever it connects, so the cursor in it is always the last one.
  const current: Variables = { ...variables };
  const payload = { query: stringifyDocument(document), variables: current };
  let done = false;
  let end = () => {};

  const begin = () => {
    if (done) return;
    end = stream.subscribe<Data>(payload, {
      next: ({ data, errors }) => {
        if (done) return;
        if (errors && !data) return failed(errors);
        if (!data) return;
        const cursor = sink.cursorOf?.(data);
        if (cursor) current.after = cursor;
        sink.next(data);
      },
      error: failed,
      complete: () => {},
    });
  };

  const failed = (error: unknown) => {
    if (done) return;
    if (!Array.isArray(error)) return void comeBack(error);
    const errors = error as ApiError[];
    const extensions = errors[0]?.extensions ?? {};
    const code = String(extensions.code);
    if (START_ANEW.has(code)) {
      delete current.after;
      sink.gap?.();
      begin();
    } else if (COME_BACK.has(code)) {
      if (typeof extensions.cursor === 'string') current.after = extensions.cursor;
      const seconds = typeof extensions.retryAfter === 'number' ? extensions.retryAfter : 0;
      void wait(Math.max(PAUSE, seconds * 1_000)).then(begin);
    } else {
      sink.failed(troubleOf(errors));
    }
  };

  // The client gives up where a token has run out or no person is logged in.
  const comeBack = async (error: unknown) => {
    try {
      await session.token();
    } catch (refused) {
      if (refused instanceof LoggedOut) return;
    }
    if (!(error instanceof CloseEvent) || error.code >= 4500) await wait(PAUSE);
    else await wait(100);
    begin();
  };

  // Without a cursor there is nothing to resume at: what came while the connection was away is unknown.
  const unlisten = stream.on('connected', (_socket, _payload, again) => {
    if (again && current.after === undefined) sink.gap?.();
  });
  begin();
  return () => {
    done = true;
    unlisten();
    end();
  };
}

export type Live<Data> = { data: Data | undefined; trouble: Trouble | undefined };

type LiveDocument<Data, Vars> = TypedDocumentNode<{ live: Data }, Vars>;

const UNCLAIMED = 10_000; // milliseconds after which what was begun ahead ends, if no component has taken it

/** A live query, and what follows its results: at first none, which keeps the newest. */
class Following<Data> {
  state: Live<Data> = { data: undefined, trouble: undefined };
  onChange: () => void = () => {};
  readonly end: () => void;

  constructor(document: LiveDocument<Data, never>, variables: Variables) {
    this.end = follow(document, variables, {
      next: ({ live }) => this.#become({ data: live, trouble: undefined }),
      failed: (trouble) => this.#become({ ...this.state, trouble }),
    });
  }

  #become(state: Live<Data>): void {
    this.state = state;
    this.onChange();
  }
}

let ahead: { document: unknown; key: string; following: Following<unknown> } | null = null;

/**
 * Begin a live query at the moment in which the browser's login is known, before anything is drawn with it: the
 * component that then asks for the same by `useLive` takes it over. Nothing happens where there is no login.
 */
export function followAhead<Data, Vars extends Variables>(
  document: LiveDocument<Data, Vars>,
  variables: Vars,
): void {
  const key = JSON.stringify(variables);
  const begin = () => {
    const { status } = session.get();
    if (status === 'starting') return;
    unlisten();
    if (status !== 'in') return;
    const following = new Following(document as LiveDocument<Data, never>, variables) as Following<unknown>;
    ahead = { document, key, following };
    setTimeout(() => {
      if (ahead?.following === following) takeAhead()?.end();
    }, UNCLAIMED);
  };
  const unlisten = session.subscribe(begin);
  begin();
}

function takeAhead(): Following<unknown> | undefined {
  const following = ahead?.following;
  ahead = null;
  return following;
}

/**
 * The result of a live query: `data` is undefined until the first one is there, and stays while the connection
 * is away. `variables` are compared by their JSON; null follows nothing.
 */
export function useLive<Data, Vars extends Variables>(
  document: LiveDocument<Data, Vars>,
  variables: Vars | null,
): Live<Data> {
  const key = JSON.stringify(variables);
  const [state, setState] = useState<{ key: string } & Live<Data>>({
    key,
    data: undefined,
    trouble: undefined,
  });
  useEffect(() => {
    const given = JSON.parse(key) as Variables | null;
    if (given === null) return;
    const begun = ahead?.document === document && ahead.key === key ? takeAhead() : undefined;
    const following =
      (begun as Following<Data> | undefined) ?? new Following(document as LiveDocument<Data, never>, given);
    const show = () => setState({ key, ...following.state });
    following.onChange = show;
    if (begun) show();
    return following.end;
  }, [document, key]);
  return state.key === key ? state : { data: undefined, trouble: undefined };
}

type EventHandlers<Data> = Required<Pick<Sink<Data>, 'cursorOf' | 'next' | 'gap'>>;

/**
 * Follow a stream of events: each comes once and in order, also over a lost connection. `after` in `variables`
 * is where to begin. The handlers may change with every rendering; the stream goes on.
 */
export function useEvents<Data, Vars extends Variables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars | null,
  handlers: EventHandlers<Data>,
): Trouble | undefined {
  const key = JSON.stringify(variables);
  const latest = useRef(handlers);
  latest.current = handlers;
  const [trouble, setTrouble] = useState<Trouble>();
  useEffect(() => {
    const given = JSON.parse(key) as Variables | null;
    setTrouble(undefined);
    if (given === null) return;
    return follow(document as TypedDocumentNode<Data, never>, given, {
      next: (data) => latest.current.next(data),
      cursorOf: (data) => latest.current.cursorOf(data),
      gap: () => latest.current.gap(),
      failed: setTrouble,
    });
  }, [document, key]);
  return trouble;
}

/**
 * Ask over the connection of the subscriptions, behind those that were begun before: what an event has told is in
 * the answer, or comes as an event. Throws `RequestFailed`.
 */
export function askBehind<Data, Vars extends Variables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  return new Promise((resolve, reject) => {
    const failed = (errors: unknown) =>
      reject(new RequestFailed(troubleOf(Array.isArray(errors) ? (errors as ApiError[]) : [])));
    stream.subscribe<Data>(
      { query: stringifyDocument(document), variables },
      {
        next: ({ data, errors }) => (data ? resolve(data) : failed(errors)),
        error: failed,
        complete: () => {},
      },
    );
  });
}
