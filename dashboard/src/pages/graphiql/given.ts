// A document and its variables that another page hands to GraphiQL. They stand behind #: no server sees them.

export type Given = { query: string; variables: string };

export function addressOf(query: string, variables: Record<string, unknown>): string {
  const given = new URLSearchParams({ query, variables: JSON.stringify(variables, null, 2) });
  return `/graphql#${given}`;
}

/** What the address has, if anything. */
export function givenBy(hash: string): Given | null {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const query = given.get('query');
  return query ? { query, variables: given.get('variables') ?? '' } : null;
}
