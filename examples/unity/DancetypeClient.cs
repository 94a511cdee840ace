using System;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using UnityEngine;

/// <summary>
/// Receives the predictions of dancetype over its WebSocket, and reconnects.
/// For Unity 2021 or newer, except for WebGL, which has neither threads nor ClientWebSocket.
///
///     GetComponent&lt;DancetypeClient&gt;().Updated += prediction =>
///         label.text = prediction == null ? "waiting for dancetype"
///             : prediction.status == "genre" ? $"{prediction.name} {prediction.confidence:P0}"
///             : prediction.status;
/// </summary>
public class DancetypeClient : MonoBehaviour
{
    /// <summary>Fields of the messages. One that is null or missing is empty, or 0.</summary>
    [Serializable]
    public class Message
    {
        public string type, source, state, status, genre, name;
        public float confidence;
        public Probabilities probabilities;
    }

    /// <summary>Probability of each genre; a model for your own genres has other codes.</summary>
    [Serializable]
    public class Probabilities
    {
        public float BR, PO, LO, MH, LH, HO, WA, KR, JS, JB;
    }

    public string url = "ws://127.0.0.1:8765/ws";
    [Tooltip("The DANCETYPE_TOKEN of dancetype, if it has one.")]
    public string token = "";
    [Tooltip("Name of the source; by default, the first one that sends a message.")]
    public string source = "";

    /// <summary>
    /// Raised on the main thread with each live prediction, and with null as soon as there is none.
    /// </summary>
    public event Action<Message> Updated;

    const float Stale = 1.5f; // seconds without a prediction after which the last one is outdated
    const int Silent = 3000; // milliseconds without any message: the connection is dead
    const int MinDelay = 500; // milliseconds between attempts; doubled after each failure
    const int MaxDelay = 8000;

    // Texts from the thread of the connection to the main thread; null after a connection.
    ConcurrentQueue<string> received;
    CancellationTokenSource disabled;
    string followed;
    int predictions;
    float lastPrediction;
    bool live;

    void OnEnable()
    {
        disabled = new CancellationTokenSource();
        var query = source == "" ? "" : "?source=" + Uri.EscapeDataString(source);
        var (address, secret, cancel) = (new Uri(url + query), token, disabled.Token);
        var texts = received = new ConcurrentQueue<string>();
        Task.Run(() => Run(address, secret, texts, cancel));
    }

    void OnDisable()
    {
        disabled.Cancel();
        Disconnected();
    }

    void Update()
    {
        while (received.TryDequeue(out var text))
        {
            if (text == null) Disconnected();
            else Receive(JsonUtility.FromJson<Message>(text));
        }
        if (Time.realtimeSinceStartup - lastPrediction > Stale) Publish(null);
    }

    void Disconnected()
    {
        (predictions, followed) = (0, null);
        Publish(null);
    }

    void Receive(Message message)
    {
        if (message.type != "prediction" && message.type != "source") return;
        followed = followed ?? message.source;
        if (message.source != followed) return;
        if (message.type == "prediction")
        {
            lastPrediction = Time.realtimeSinceStartup;
            predictions++;
            // The first prediction after connecting may be old.
            if (predictions > 1) Publish(message);
        }
        else if (message.state != "running" && message.state != "bursty") Publish(null);
    }

    void Publish(Message prediction)
    {
        if (!live && prediction == null) return;
        live = prediction != null;
        Updated?.Invoke(prediction);
    }

    static async Task Run(
        Uri address, string secret, ConcurrentQueue<string> texts, CancellationToken cancel)
    {
        var delay = MinDelay;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await Read(address, secret, cancel, text =>
                {
                    delay = MinDelay;
                    texts.Enqueue(text);
                });
            }
            catch (Exception error) when (!cancel.IsCancellationRequested)
            {
                var reason = error is OperationCanceledException ? "no answer" : error.Message;
                Debug.LogWarning($"no connection to {address}: {reason}");
            }
            texts.Enqueue(null);
            await Task.Delay(delay, cancel);
            delay = Math.Min(2 * delay, MaxDelay);
        }
    }

    /// <summary>Read messages until the connection ends or is silent for too long.</summary>
    static async Task Read(
        Uri address, string secret, CancellationToken cancel, Action<string> onMessage)
    {
        using (var silence = CancellationTokenSource.CreateLinkedTokenSource(cancel))
        using (var socket = new ClientWebSocket())
        {
            if (secret != "") socket.Options.SetRequestHeader("Authorization", "Bearer " + secret);
            silence.CancelAfter(Silent);
            await socket.ConnectAsync(address, silence.Token);
            var (buffer, length) = (new byte[1 << 20], 0);
            while (true)
            {
                var free = new ArraySegment<byte>(buffer, length, buffer.Length - length);
                var part = await socket.ReceiveAsync(free, silence.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                    throw new WebSocketException($"{part.CloseStatus} {part.CloseStatusDescription}");
                length += part.Count;
                if (!part.EndOfMessage) continue;
                silence.CancelAfter(Silent);
                onMessage(Encoding.UTF8.GetString(buffer, 0, length));
                length = 0;
            }
        }
    }
}
