// How GraphiQL asks: by the login of the dashboard, over its connection where events are wanted.
import type { GraphiQLProps } from 'graphiql';
import { getOperationAST, parse } from 'graphql';
import { stream } from '@/data/connection';
import { session } from '@/data/session';

type Fetcher = GraphiQLProps['fetcher'];
type Payload = { query: string; operationName?: string | null; variables?: Record<string, unknown> };

export const fetcher: Fetcher = async (parameters, options) => {
  const { query, operationName, variables } = parameters as Payload;
  const payload: Payload = {
    query,
    ...(operationName ? { operationName } : {}),
    ...(variables ? { variables } : {}),
  };
  if (isSubscription(query, operationName ?? undefined)) return stream.iterate(payload) as never;
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: {
      ...options?.headers,
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: `Bearer ${await session.token()}`,
    },
    body: JSON.stringify(payload),
  });
  return response.json();
};

export function isSubscription(query: string, operationName?: string): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false; // the server says what is wrong with it
  }
}
