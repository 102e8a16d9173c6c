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
import { session } from './session';
import { RequestFailed, type Trouble, troubleOf, troubleOfThrown } from './trouble';

let token = '';

const client = new Client({
  url: '/graphql',
  preferGetMethod: false,
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

/** Ask once. Throws `RequestFailed`. */
export async function ask<Data, Vars extends AnyVariables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  return answered(await client.query(document, variables).toPromise());
}

/** Change something. Throws `RequestFailed`. */
export async function change<Data, Vars extends AnyVariables>(
  document: TypedDocumentNode<Data, Vars>,
  variables: Vars,
): Promise<Data> {
  return answered(await client.mutation(document, variables).toPromise());
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

/** The answer to a query; asked anew when the variables change, or by `again`. Null asks nothing. */
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
    ask(document, given).then(
      (data) => current && setState({ key, data }),
      (error) => current && setState({ key, trouble: troubleOfThrown(error) }),
    );
    return () => {
      current = false;
    };
  }, [document, key, times]);
  const again = useCallback(() => setTimes((before) => before + 1), []);
  const { data, trouble } = state.key === key ? state : {};
  return { data, trouble, again };
}
