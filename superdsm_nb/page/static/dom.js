// Elements, with their attributes and content; text is never read as HTML.

export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

export const find = (id) => document.getElementById(id);
