// What is wrong in the markup of GraphiQL for those who hear it, put right after it is drawn.

type Mend = { selector: string; mend: (element: Element) => void };

const MENDS: readonly Mend[] = [
  // A tab may have nothing in it that is pressed, and these have two buttons: they are a list, with one that is current.
  {
    selector: '.graphiql-tabs[role], .graphiql-tab[role]',
    mend: (element) => element.removeAttribute('role'),
  },
  {
    selector: '.graphiql-tab[aria-selected]',
    mend: (element) => {
      const current = element.getAttribute('aria-selected') === 'true';
      element.removeAttribute('aria-selected');
      element.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', String(current));
    },
  },
  // Its text says more than "Set active", and who speaks to the browser says what is seen.
  {
    selector: '.graphiql-history-item-label[aria-label]',
    mend: (element) => element.removeAttribute('aria-label'),
  },
];

/** Put it right now, and whenever GraphiQL draws anew, until the function that this gives is called. */
export function mended(root: Element): () => void {
  const mend = () => {
    for (const { selector, mend } of MENDS) {
      for (const element of root.querySelectorAll(selector)) mend(element);
    }
  };
  const observer = new MutationObserver(mend);
  const attributeFilter = ['role', 'aria-selected', 'aria-label'];
  observer.observe(root, { subtree: true, childList: true, attributeFilter });
  mend();
  return () => observer.disconnect();
}
