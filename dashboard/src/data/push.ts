// Web Push of this browser: whether it can, what it is subscribed to, and signing up.
import { Store } from './store';

const WORKER = '/push-worker.js';

export type PushState =
  | { status: 'looking' }
  /** No push in this browser, or none for a page that came over plain HTTP. */
  | { status: 'unsupported'; secure: boolean }
  /** The person or the browser refuses notifications of this page. */
  | { status: 'denied' }
  | { status: 'off' }
  /** `mark` tells the subscription from others. */
  | { status: 'on'; mark: string };

export const push = new Store<PushState>({ status: 'looking' });

/** Find out how it stands. Never throws. */
export async function lookAtPush(): Promise<void> {
  push.set(await state().catch(() => ({ status: 'off' }) as const));
}

async function state(): Promise<PushState> {
  if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window)) {
    return { status: 'unsupported', secure: window.isSecureContext };
  }
  if (Notification.permission === 'denied') return { status: 'denied' };
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  const subscription = await registration?.pushManager.getSubscription();
  return subscription ? { status: 'on', mark: await markOf(subscription.endpoint) } : { status: 'off' };
}

export type SignedUp = { subscription: PushSubscriptionJSON; mark: string };

/**
 * Ask the person, and subscribe with the key of the server (base64url). Null where the person does not want it.
 * Throws what the browser says where its push service cannot be reached.
 */
export async function signUpForPush(key: string): Promise<SignedUp | null> {
  const permission = await Notification.requestPermission();
  if (permission !== 'granted') {
    await lookAtPush();
    return null;
  }
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  // A subscription belongs to the key that it was made with: another server's, or an older one, is of no use.
  await (await pushManager.getSubscription())?.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  return { subscription: made.toJSON(), mark: await markOf(made.endpoint) };
}

/** End it in this browser. */
export async function leavePush(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  await lookAtPush();
}

/**
 * The push service with a digest of the endpoint: enough to know a browser again. With the endpoint itself, which
 * is encrypted at rest, others could try to write to it.
 */
async function markOf(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${new URL(endpoint).origin}/#${hex.slice(0, 32)}`;
}
