import { expect, test } from 'vitest';
import { isSubscription } from './fetcher';

test('a subscription is told from a query by the operation that is meant', () => {
  const both = 'query A { me { id } } subscription B { taskChanged { cursor } }';
  expect(isSubscription(both, 'A')).toBe(false);
  expect(isSubscription(both, 'B')).toBe(true);
  expect(isSubscription('# subscription\n{ me { id } }')).toBe(false);
});

test('a text that is no GraphQL goes to the server, which says what is wrong', () => {
  expect(isSubscription('subscription {')).toBe(false);
});
