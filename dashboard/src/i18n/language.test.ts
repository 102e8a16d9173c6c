import { expect, test } from 'vitest';
import { localeOf, preferredOf } from './language';

test('the first language that the browser names and the pages have is taken', () => {
  expect(preferredOf(['en-US', 'ja'])).toBe('en');
  expect(preferredOf(['fr', 'ja-JP', 'en'])).toBe('ja');
  expect(preferredOf(['jam', 'fr'])).toBe('en');
  expect(preferredOf([])).toBe('en');
});

test('times and numbers are written as where the reader lives', () => {
  expect(localeOf('en', ['ja', 'en-GB', 'en-US'])).toBe('en-GB');
  expect(localeOf('ja', ['en-GB'])).toBe('ja');
});
