// gate.mjs: nobody waits for ever: not for a connection, and not for a database that has fallen silent.
import { exhausted, tooSlow } from "./errors.mjs";

/** Past statement_timeout, which covers everything but a Postgres that says nothing at all (a frozen machine). */
export const PATIENCE_MS = 5000;

/** As many requests at the database as it has connections; the others stand in line. */
export class Gate {
  #free;
  #line = new Set();

  constructor(places, waitMs) {
    this.#free = places;
    this.waitMs = waitMs;
  }

  /** Resolves to a function that gives the place back (once), or to a refusal after the wait. */
  enter() {
    if (this.#free > 0) {
      this.#free--;
      return this.#place();
    }
    return new Promise((resolve) => {
      const next = () => {
        clearTimeout(timer);
        this.#line.delete(next);
        resolve(this.#place());
      };
      const timer = setTimeout(() => {
        this.#line.delete(next);
        resolve(exhausted());
      }, this.waitMs);
      this.#line.add(next);
    });
  }

  #place() {
    let mine = true;
    return () => {
      if (!mine) return;
      mine = false;
      const [next] = this.#line;
      if (next) next();
      else this.#free++;
    };
  }
}

/** The result of some work, or a refusal when it takes too long; `allow(ms)` sets the time anew, 0 for no limit. */
export class Deadline {
  #timer;

  constructor(ms = PATIENCE_MS) {
    this.passed = new Promise((resolve) => { this.pass = () => resolve(tooSlow()); });
    this.allow(ms);
  }

  allow(ms) {
    clearTimeout(this.#timer);
    if (ms) this.#timer = setTimeout(this.pass, ms);
  }

  of(work) {
    return Promise.race([work, this.passed]).finally(() => clearTimeout(this.#timer));
  }
}
