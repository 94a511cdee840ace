// Run the client as Unity does, and print what a game would show. Arguments: URL and token.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Reflection;
using System.Threading;

public static class Player
{
    static readonly Dictionary<string, string> texts = new Dictionary<string, string>
    {
        {"not_sure", "not sure"}, {"no_person", "no person"}, {"warming_up", "keep dancing"},
    };

    public static void Main(string[] arguments)
    {
        var client = new DancetypeClient {url = arguments[0], token = arguments[1]};
        var main = Thread.CurrentThread;
        var shown = "";
        client.Updated += prediction =>
        {
            if (Thread.CurrentThread != main) Console.WriteLine("WRONG THREAD");
            var text = "waiting for dancetype";
            var confidence = 0f;
            if (prediction?.status == "genre")
                (text, confidence) = (prediction.name, prediction.confidence);
            else if (prediction != null) text = texts[prediction.status];
            var line = string.Format(CultureInfo.InvariantCulture, "SHOWN {0}|{1:F2}", text, confidence);
            if (line != shown) Console.WriteLine(shown = line);
        };
        Call(client, "OnEnable");
        while (true)
        {
            Call(client, "Update");
            Thread.Sleep(16);
        }
    }

    static void Call(DancetypeClient client, string method) => typeof(DancetypeClient)
        .GetMethod(method, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(client, null);
}
