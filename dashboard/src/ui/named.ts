// Names that people and agents give, which may be blank: what has none is called by its key, so that a link has words.

/** The pattern of a field for a name: one letter at least that is no blank. */
export const NAME = '.*\\S.*';

export function named(name: string, key: string): string {
  return name.trim() === '' ? key : name;
}
