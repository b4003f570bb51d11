// The sandbox's JSON: messages as the Bot API shapes them, and the state of chats around them.

export interface User {
  id: number;
  is_bot: boolean;
  first_name: string;
  last_name?: string;
  username?: string;
}

export interface Person {
  id: number;
  first_name: string;
  last_name?: string;
  username?: string;
  language_code: string;
  phone_number: string;
}

export type NewPerson = Omit<Person, "id" | "phone_number">;

export interface Bot {
  id: number;
  name: string;
  username: string;
  title: string;
}

export interface Entity {
  type: string;
  offset: number;
  length: number;
  url?: string;
  language?: string;
}

export interface InlineButton {
  text: string;
  callback_data?: string;
  url?: string;
  web_app?: { url: string };
  login_url?: { url: string };
  copy_text?: { text: string };
  pay?: boolean;
  style?: "danger" | "success" | "primary";
}

export interface PhotoSize {
  file_id: string;
  width: number;
  height: number;
}

export interface Message {
  message_id: number;
  date: number;
  edit_date?: number;
  from: User;
  text?: string;
  entities?: Entity[];
  caption?: string;
  caption_entities?: Entity[];
  photo?: PhotoSize[];
  document?: { file_id: string; file_name: string; file_size: number; mime_type: string };
  contact?: { phone_number: string; first_name: string; last_name?: string };
  invoice?: { title: string; description: string; total_amount: number };
  successful_payment?: { total_amount: number };
  refunded_payment?: { total_amount: number };
  reply_to_message?: Message;
  forward_origin?: { sender_user: User };
  reply_markup?: { inline_keyboard: InlineButton[][] };
}

export interface KeyboardButton {
  text: string;
  request_contact?: boolean;
  request_location?: boolean;
  web_app?: { url: string };
}

/** What stands in place of the person's keyboard: buttons, or the wish for an answer. */
export interface Keyboard {
  keyboard?: KeyboardButton[][];
  resize_keyboard?: boolean;
  one_time_keyboard?: boolean;
  is_persistent?: boolean;
  input_field_placeholder?: string;
  force_reply?: boolean;
}

export interface Command {
  command: string;
  description: string;
}

export interface MenuButton {
  type: "default" | "commands" | "web_app";
  text?: string;
  web_app?: { url: string };
}

/** The part of a chat's state that comes with every event. */
export interface ChatView {
  started: boolean;
  blocked: boolean;
  unread: number;
  keyboard: Keyboard | null;
  commands: Command[];
  menu_button: MenuButton;
  description: string | null;
}

export interface ChatSummary extends ChatView {
  bot: string;
  person_id: number;
  last_message: Message | null;
}

export interface ChatPage extends ChatView {
  messages: Message[];
  more: boolean;
}

export interface Fault {
  id: number;
  kind: string;
  method: string;
  bot: string | null;
  chat_id: number | null;
  count: number | null;
  struck: number;
  retry_after?: number;
  delay_ms?: number;
}

export interface State {
  public_url: string;
  bots: Bot[];
  people: Person[];
  chats: ChatSummary[];
  faults: Fault[];
  last_event_id: number;
}

interface InChat {
  bot: string;
  person_id: number;
}

export type LiveEvent =
  | (InChat & { type: "message"; message: Message; chat: ChatView })
  | (InChat & { type: "message_edited"; message: Message })
  | (InChat & { type: "message_deleted"; message_id: number })
  | (InChat & { type: "chat" | "chat_cleared"; chat: ChatView })
  | (InChat & { type: "action"; action: string })
  | (InChat & {
      type: "callback_answer";
      callback_id: string;
      text: string | null;
      show_alert: boolean;
      url: string | null;
    })
  | { type: "person"; person: Person }
  | { type: "faults"; faults: Fault[] }
  | { type: "reset" };
