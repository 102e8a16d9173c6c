import { expect, test } from 'vitest';
import { readValue, writtenValue } from './values';

test('a value is read back as it was shown', () => {
  for (const [type, value] of [
    ['STRING', '30'],
    ['NUMBER', 30.5],
    ['BOOLEAN', false],
    ['ARRAY', ['東京', 1]],
    ['JSON', { a: null }],
  ] as const) {
    expect(readValue(type, writtenValue(value))).toEqual({ value });
  }
  expect(readValue('NUMBER', '')).toBeUndefined();
  expect(readValue('JSON', '{')).toBeUndefined();
});
