//! What Argo CD says: the health check that the charts bring, run by a real Lua 5.1 with the object
//! in the global `obj`, as Argo CD runs it.

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde_json::Value;

const SCRIPT: &str = include_str!("../../../charts/argocd/health.lua");

/// Health and message.
pub(crate) fn health(object: &Value) -> mlua::Result<(String, String)> {
    // Argo CD offers the base library, tables, strings and mathematics; no files, no system.
    let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    lua.globals().set("obj", convert(&lua, object)?)?;
    let answer: Table = lua.load(SCRIPT).set_name("health.lua").eval()?;
    Ok((answer.get("status")?, answer.get("message")?))
}

fn convert(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(truth) => LuaValue::Boolean(*truth),
        // Lua 5.1 has no integers.
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table()?;
            for item in items {
                table.push(convert(lua, item)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table()?;
            for (name, field) in fields {
                table.set(name.as_str(), convert(lua, field)?)?;
            }
            LuaValue::Table(table)
        }
    })
}
