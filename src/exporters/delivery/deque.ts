// A list that is cheap at both ends, on an array whose length is a power of two and follows what it has to hold.

const SMALLEST = 16;

export class Deque<T> {
  #slots: (T | undefined)[] = Array.from({ length: SMALLEST });
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The item at `index`, counted from the front; the caller knows that there is one. */
  at(index: number): T {
    return this.#slots[this.#slot(index)] as T;
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[this.#slot(this.#length++)] = item;
  }

  unshift(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#head = this.#slot(this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#length++;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = this.#slot(1);
    this.#length--;
    // The room of a long outage is given back when it is over.
    if (this.#length === 0 && this.#slots.length > 1_024) this.#slots = Array.from({ length: SMALLEST });
    if (this.#length === 0) this.#head = 0;
    return item;
  }

  #slot(index: number): number {
    return (this.#head + index) & (this.#slots.length - 1);
  }

  #grow(): void {
    const grown: (T | undefined)[] = [];
    for (let i = 0; i < this.#length; i++) grown.push(this.at(i));
    for (let i = 0; i < this.#length; i++) grown.push(undefined);
    this.#slots = grown;
    this.#head = 0;
  }
}
