// The part of Unity's API that the example uses, for compiling and running it without Unity.
using System;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;

namespace UnityEngine
{
    public class MonoBehaviour
    {
    }

    public class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip)
        {
        }
    }

    public static class Time
    {
        static readonly Stopwatch watch = Stopwatch.StartNew();

        public static float realtimeSinceStartup => (float)watch.Elapsed.TotalSeconds;
    }

    public static class Debug
    {
        public static void LogWarning(object message) => Console.WriteLine($"WARNING {message}");
    }

    public static class JsonUtility
    {
        public static T FromJson<T>(string json)
        {
            var quotas = XmlDictionaryReaderQuotas.Max;
            var bytes = Encoding.UTF8.GetBytes(json);
            using (var reader = JsonReaderWriterFactory.CreateJsonReader(bytes, quotas))
            {
                var document = new XmlDocument();
                document.Load(reader);
                return (T)Read(document.DocumentElement, typeof(T));
            }
        }

        // Unknown fields are ignored, missing ones stay empty.
        static object Read(XmlElement value, Type type)
        {
            if (type == typeof(string)) return value.InnerText;
            if (type == typeof(float)) return float.Parse(value.InnerText, CultureInfo.InvariantCulture);
            var result = Activator.CreateInstance(type);
            foreach (var field in type.GetFields())
                if (value[field.Name] is XmlElement element)
                    field.SetValue(result, Read(element, field.FieldType));
            return result;
        }
    }
}
