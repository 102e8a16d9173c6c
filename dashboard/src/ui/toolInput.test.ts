import { expect, test } from 'vitest';
import { askedOf, summaryOf } from './toolInput';

test('a summary is one line that says when there is more', () => {
  expect(summaryOf({ command: 'make\n  test', timeout: 9 })).toBe('make test');
  const long = summaryOf({ command: `echo ${'a '.repeat(200)}; rm -rf /` });
  expect(long).toHaveLength(301);
  expect(long.endsWith('…')).toBe(true);
});

test('who decides reads all of it', () => {
  const command = `echo ${'a '.repeat(5_000)}\nrm -rf /`;
  expect(askedOf({ command })).toBe(command);
  expect(askedOf({ a: 1 })).toBe('{"a":1}');
  expect(askedOf(null)).toBe('');
});
