// Shows what the server pushes, also while no page of it is open. It keeps nothing and answers no request.

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
  const { title, body, url, tag, lang } = event.data?.json() ?? {};
  const shown = { body, tag, lang, icon: '/icon.svg', data: { url } };
  event.waitUntil(self.registration.showNotification(title ?? 'ccgraph', shown));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? '/'));
});

/** The page that the message is about, in the tab that has it already where there is one. */
async function open(url) {
  const wanted = new URL(url, self.location.origin).href;
  const tabs = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const there = tabs.find((tab) => tab.url === wanted);
  return there ? there.focus() : self.clients.openWindow(wanted);
}
