// Answers with the path of each request as code for Go reads it, one reading on a line.
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		escaped := request.URL.EscapedPath()
		decoded, err := url.PathUnescape(escaped)
		if err != nil {
			decoded = err.Error()
		}
		readings := []string{request.URL.Path, decoded, path.Clean(request.URL.Path)}
		fmt.Fprint(answer, strings.Join(readings, "\n"))
	})
	mux.HandleFunc("/admin/", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprint(answer, "/ADMIN"+request.URL.Path)
	})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := http.Serve(listener, mux); err != nil {
		panic(err)
	}
}
