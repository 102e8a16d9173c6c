// Queries and mutations over HTTP. Nothing is cached: what is shown for long is followed (follow.ts).
import {
  type AnyVariables,
  Client,
  type CombinedError,
  fetchExchange,
  type TypedDocumentNode,
} from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { useCallback, useEffect, useState } from 'react';
import { whenBack } from './connection';
import { session } from './session';
import { RequestFailed, type Trouble, troubleOf, troubleOfThrown, unlessUnheard } from './trouble';

const ANSWER_WITHIN = 60_000; // milliseconds; a network that swallows what is sent would be waited for much longer

let token = '';

const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
  fetch: (input, init) => fetch(input, { ...init, signal: within(init?.signal) }),
  exchanges: [
    authExchange(async (utilities) => ({
      addAuthToOperation: (operation) =>
        utilities.appendHeaders(operation, { authorization: `Bearer ${token}` }),
      willAuthError: () => true, // the session knows whether the token is still good, and asks only if not
      didAuthError: (error) => {
        const refused = error.graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED');
        if (refused) session.refused(token);
        return refused;
      },
      refreshAuth: async () => {
        token = await session.token();
      },
    })),
    fetchExchange,
  ],
});

function within(given: AbortSignal | null | undefined): AbortSignal {
  const time = AbortSignal.timeout(ANSWER_WITHIN);
  return given ? AbortSignal.any([given, time]) : time;
}

/** Ask once. Throws `RequestFailed`. */
export async function ask<Data, Vars extends AnyVariables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  return answered(await client.query(document, variables).toPromise());
}

/** Change something. Throws `RequestFailed`; of kind `unheard` where it may have been done or not. */
export async function change<Data, Vars extends AnyVariables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  return unlessUnheard(async () => answered(await client.mutation(document, variables).toPromise()));
}

function answered<Data>({
  data,
  error,
}: {
  data?: Data | undefined;
  error?: CombinedError | undefined;
}): Data {
  if (error) throw new RequestFailed(troubleOf(error.graphQLErrors, error.response));
  return data as Data;
}

export type Answered<Data> = { data: Data | undefined; trouble: Trouble | undefined; again: () => void };

/**
 * The answer to a query; asked anew when the variables change, or by `again`. Null asks nothing. Where the server
 * could not be reached it is asked again once it can: `data` stays what it was until then.
 */
export function useAnswer<Data, Vars extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars | null,
): Answered<Data> {
  const key = JSON.stringify(variables);
  const [times, setTimes] = useState(0);
  const [state, setState] = useState<{ key: string; data?: Data; trouble?: Trouble }>({ key });
  // biome-ignore lint/correctness/useExhaustiveDependencies: `times` is how `again` asks
  useEffect(() => {
    let current = true;
    const given = JSON.parse(key) as Vars | null;
    if (given === null) return;
    const askUntilAnswered = async () => {
      for (let attempt = 1; current; attempt += 1) {
        try {
          const data = await ask(document, given);
          if (current) setState({ key, data });
          return;
        } catch (error) {
          const trouble = troubleOfThrown(error);
          if (!current) return;
          setState((before) => (before.key === key ? { ...before, trouble } : { key, trouble }));
          if (trouble.kind !== 'offline') return;
          await whenBack(attempt, trouble.retryAfter);
        }
      }
    };
    void askUntilAnswered();
    return () => {
      current = false;
    };
  }, [document, key, times]);
  const again = useCallback(() => setTimes((before) => before + 1), []);
  const { data, trouble } = state.key === key ? state : {};
  return { data, trouble, again };
}
