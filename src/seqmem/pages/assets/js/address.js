"use strict";

// Settings in the address: page.html#distance=40&bias=3 is a link to a state of the page.

/** The settings that the address names, as texts; a part without "=" has the value "". */
function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

const ADDRESS_PACE = 300; // milliseconds without a change: browsers refuse an address that changes too often
let addressWaits = null;

/** Put settings into the address without a new entry in the history; in a notebook's frame there is none to change. */
function writeAddress(settings) {
  const text = new URLSearchParams(settings).toString().replace(/=(?=&|$)/g, "");
  clearTimeout(addressWaits);
  addressWaits = setTimeout(() => {
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname);
    } catch {
      // a page in a frame without an address of its own
    }
  }, ADDRESS_PACE);
}

/** What an address that was opened asks for comes before what was about to be written. */
window.addEventListener("hashchange", () => clearTimeout(addressWaits));
