// What a tool is asked to do: of its arguments, the one that tells most.

const TELLING = [
  'command',
  'file_path',
  'notebook_path',
  'path',
  'pattern',
  'url',
  'query',
  'description',
  'prompt',
];
const MOST = 300; // characters

/** In one line, which ends with `…` where there is more. */
export function summaryOf(input: unknown): string {
  const line = oneLine(askedOf(input));
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}

/** All of it, as who decides about it has to read it. */
export function askedOf(input: unknown): string {
  if (input === null || input === undefined) return '';
  if (typeof input !== 'object') return String(input);
  const values = input as Record<string, unknown>;
  const name = TELLING.find((key) => typeof values[key] === 'string');
  if (name !== undefined) return String(values[name]);
  return Object.keys(values).length === 0 ? '' : JSON.stringify(input);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
