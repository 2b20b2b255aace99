// The page's elements, written to only where something changes: a screen reader speaks each change.

export const at = (id) => document.getElementById(id);

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export function made(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// One child of `parent` for each item: those that are there are kept, and `update` fills them.
export function listed(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, place) => {
    if (!parent.children[place]) parent.append(make(item));
    update(parent.children[place], item);
  });
}

export const fixed = (value, digits) => (value == null ? "–" : value.toFixed(digits));

export const both = (names) => names.join(" and ");
