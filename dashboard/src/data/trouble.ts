// What went wrong, in one form for HTTP, WebSockets and mutations (docs/errors.md).

export type TroubleKind =
  | 'offline'
  /** A change of which no answer came. */
  | 'unheard'
  | 'loggedOut'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'input'
  | 'limit'
  | 'server';

export type Trouble = {
  kind: TroubleKind;
  /** A sentence of the server's that says what to do; null where it could not be asked. */
  message: string | null;
  /** By which the operator finds the request in the log. */
  requestId: string | null;
  field: string | null;
  /** Seconds. */
  retryAfter: number | null;
};

export type ApiError = { message: string; extensions?: Record<string, unknown> | undefined };

const KINDS: Record<string, TroubleKind> = {
  UNAUTHENTICATED: 'loggedOut',
  FORBIDDEN: 'forbidden',
  NOT_FOUND: 'notFound',
  CONFLICT: 'conflict',
  BAD_USER_INPUT: 'input',
  QUOTA_EXCEEDED: 'limit',
  RATE_LIMITED: 'limit',
  QUERY_TOO_COMPLEX: 'limit',
  SERVICE_UNAVAILABLE: 'offline',
};

/** Thrown by what asks the server, with what went wrong. */
export class RequestFailed extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.message ?? trouble.kind);
    this.trouble = trouble;
  }
}

/** The first error of a response; without any, the server could not be reached or answered no GraphQL. */
export function troubleOf(errors: readonly ApiError[], response?: Response): Trouble {
  const [error] = errors;
  const extensions = error?.extensions ?? {};
  const code = String(extensions.code ?? '');
  const unknown = response === undefined && error === undefined ? 'offline' : 'server';
  return {
    kind: KINDS[code] ?? unknown,
    message: error?.message ?? null,
    requestId: text(extensions.id) ?? response?.headers.get('x-request-id') ?? null,
    field: text(extensions.field),
    retryAfter: typeof extensions.retryAfter === 'number' ? extensions.retryAfter : null,
  };
}

/** The same for anything that was thrown. */
export function troubleOfThrown(error: unknown): Trouble {
  return error instanceof RequestFailed ? error.trouble : troubleOf([]);
}

/** What a change gives. Throws what it throws: where no answer came, that it is unknown whether it was done. */
export async function unlessUnheard<Answer>(changing: () => Promise<Answer>): Promise<Answer> {
  try {
    return await changing();
  } catch (error) {
    const trouble = troubleOfThrown(error);
    if (trouble.kind !== 'offline') throw error;
    // Where the server says itself that it is not able to, its words tell what to do.
    throw new RequestFailed({ ...trouble, kind: trouble.message === null ? 'unheard' : 'input' });
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
