// A list of any length of which only what is seen is in the page.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import { isTyping } from './typing';
import styles from './VirtualList.module.css';

type Props<Item> = {
  items: readonly Item[];
  keyOf: (item: Item) => string;
  /** The row. Its first link or button is what the list gives the focus to. */
  children: (item: Item, index: number) => ReactNode;
  /** What the list is called to those who hear it. */
  label: string;
  /** Pixels that a row is likely to take; what it really takes is measured. */
  height: number;
  /** Index of the row that the keyboard is on, or -1; another one is scrolled to, and has the focus unless one types. */
  current?: number;
  /** Go on showing the end as rows come, as long as the reader is there. */
  followEnd?: boolean;
};

const NEAR = 80; // pixels from the end that still count as being there

export function VirtualList<Item>({
  items,
  keyOf,
  children,
  label,
  height,
  current = -1,
  followEnd = false,
}: Props<Item>) {
  const frame = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const top = useRef(0);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : keyOf(item);
    },
    overscan: 12,
  });
  // By its key: rows that come and go move the row, and the focus stays where the reader has it.
  const chosen = items[current];
  const chosenKey = chosen === undefined ? null : keyOf(chosen);
  const given = useRef<string | null>(null);
  useEffect(() => {
    if (chosenKey === given.current) return;
    given.current = chosenKey;
    if (chosenKey === null) return;
    virtual.scrollToIndex(current);
    requestAnimationFrame(() => {
      const { activeElement } = document;
      const row = frame.current?.querySelector(`[data-index="${current}"]`);
      const past = given.current !== chosenKey; // the reader has gone on within the frame
      if (past || !row || row.contains(activeElement) || isTyping(activeElement)) return;
      row.querySelector<HTMLElement>('a, button')?.focus({ preventScroll: true });
    });
  }, [chosenKey, current, virtual]);
  useEffect(() => {
    if (followEnd && atEnd.current && items.length > 0)
      virtual.scrollToIndex(items.length - 1, { align: 'end' });
  }, [followEnd, items.length, virtual]);
  // Rows that come move the end away from the reader: only scrolling back is leaving it.
  const noteEnd = () => {
    const element = frame.current;
    if (element === null) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    if (scrollHeight - scrollTop - clientHeight < NEAR) atEnd.current = true;
    else if (scrollTop < top.current) atEnd.current = false;
    top.current = scrollTop;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.frame} ref={frame} onScroll={noteEnd} tabIndex={0} aria-label={label}>
      <ul className={styles.list} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const item = items[index];
          return item === undefined ? null : (
            <li
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className={styles.row}
              style={{ transform: `translateY(${start}px)` }}
              aria-setsize={items.length}
              aria-posinset={index + 1}
            >
              {children(item, index)}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
