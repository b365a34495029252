"use strict";

// Settings in the address: page.html#distance=40&bias=3 is a link to a state of the page.

/** The settings that the address names, as texts; a part without "=" has the value "". */
function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Put settings into the address without a new entry in the history; in a notebook's frame there is none to change. */
function writeAddress(settings) {
  const text = new URLSearchParams(settings).toString().replace(/=(?=&|$)/g, "");
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname);
  } catch {
    // a page in a frame without an address of its own
  }
}
