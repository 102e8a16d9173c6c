// What a tool is asked to do, in one line: of its arguments, the one that tells most.

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

export function summaryOf(input: unknown): string {
  return oneLine(said(input)).slice(0, MOST);
}

function said(input: unknown): string {
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
