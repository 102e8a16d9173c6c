// Words that a reader seeks: how an address has them, and how a filter asks for them.

/** The words in an address; `?q=42` is read as a number by the router. */
export function soughtIn(given: unknown): string {
  return typeof given === 'string' || typeof given === 'number' ? String(given) : '';
}

/** The pattern of ILIKE for a text that occurs as it is. */
export function partOf(q: string): string {
  return `%${q.replace(/[\\%_]/g, '\\$&')}%`;
}
